import './base.css';
import './charts.css';
import './controls.css';
import './card.css';
import './jobpage.css';
