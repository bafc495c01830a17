# %%% sklearn
# %%
import numpy as np
from sklearn.datasets import load_iris, make_regression
from sklearn.model_selection import train_test_split
iris = load_iris()
X_train, X_test, y_train, y_test = train_test_split(iris.data, iris.target, random_state=0)
X_train.shape, iris.target_names
# %%
from sklearn.linear_model import LogisticRegression, LinearRegression
model = LogisticRegression(max_iter=300)
model.fit(X_train, y_train)
# %%
model.score(X_test, y_test) > 0.9, model.classes_
# %%
best = model
best.set_params(C=0.5)
model.C
# %%
best.fit(X_train[:, :2], y_train)
model.n_features_in_
# %%
model.predict(X_test)
# %%
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
pipe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
pipe.fit(X_train, y_train)
round(pipe.score(X_test, y_test), 3)
# %%
scaler = pipe[0]
scaler.mean_.round(3)
# %%
scaler.mean_[0] = 0
pipe.named_steps["standardscaler"].mean_[0]
# %%
from sklearn.tree import DecisionTreeClassifier, export_text
tree = DecisionTreeClassifier(max_depth=2, random_state=1).fit(X_train, y_train)
print(export_text(tree))
# %%
from sklearn.cluster import KMeans
km = KMeans(n_clusters=3, random_state=0, n_init=1).fit(iris.data)
np.bincount(km.labels_)
# %%
from sklearn.base import BaseEstimator, TransformerMixin
class Clip(BaseEstimator, TransformerMixin):
    def __init__(self, top=5):
        self.top = top
    def fit(self, X, y=None):
        self.max_ = X.max()
        return self
    def transform(self, X):
        return np.minimum(X, self.top)
clip = Clip(3)
clip.fit_transform(iris.data).max()
# %%
clip.max_, isinstance(clip, Clip)
# %%
full = make_pipeline(clip, StandardScaler())
full.fit(iris.data)
full[0] is clip
# %%
from sklearn.metrics import accuracy_score, confusion_matrix
scores = {}
for depth in (1, 2, 3):
    t = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(X_train, y_train)
    scores[depth] = round(accuracy_score(y_test, t.predict(X_test)), 3)
scores
# %%
import joblib
joblib.dump(tree, "tree.joblib")
joblib.load("tree.joblib").get_depth()
# %%
from sklearn.model_selection import cross_val_score, GridSearchCV
cross_val_score(DecisionTreeClassifier(random_state=0), iris.data, iris.target, cv=3).round(3)
# %%
grid = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, cv=2)
grid.fit(X_train, y_train)
grid.best_params_
# %%
LinearRegression().predict([[1]])
# %%
rng = np.random.RandomState(0)
from sklearn.ensemble import RandomForestClassifier
forest = RandomForestClassifier(n_estimators=5, random_state=rng).fit(X_train, y_train)
forest.score(X_test, y_test) > 0.8, rng.randint(1000)
